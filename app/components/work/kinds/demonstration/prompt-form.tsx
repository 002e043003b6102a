'use client';

import {
  FEWEST_EXAMPLES,
  FORM_NAMES,
  MOST_EXAMPLES,
} from '@/server/labeling/kinds/demonstration/vocabulary.ts';
import { Button } from '../../../ui/button.tsx';
import { useKeys } from '../../../ui/keys.tsx';
import { useNotices } from '../../../ui/notices.tsx';
import type { Subject } from '../kind.ts';
import { WritingField } from './writing-field.tsx';
import type { WrittenPrompt } from './written-prompt.ts';

interface PromptFormProps {
  form: NonNullable<Subject['brief']>['form'];
  written: WrittenPrompt;
  onChange(written: WrittenPrompt): void;
}

const FIELD = 'written-prompt';

/** The fields of a prompt that the labeler writes, by its form. */
export function PromptForm({ form, written, onChange }: PromptFormProps) {
  const { notify, announce } = useNotices();
  const { instruction, examples, last } = written;
  const many = form === 'few_shot';

  function add() {
    if (!many || examples.length >= MOST_EXAMPLES) return;
    onChange({ ...written, examples: [...examples, { input: '', output: '' }] });
    announce(`Example ${examples.length + 1} added.`);
  }

  function change(index: number, part: Partial<WrittenPrompt['examples'][number]>) {
    onChange({ ...written, examples: examples.map((one, i) => (i === index ? { ...one, ...part } : one)) });
  }

  function remove(index: number) {
    onChange({ ...written, examples: examples.filter((_, i) => i !== index) });
    notify({
      text: `Example ${index + 1} taken out.`,
      seconds: 10,
      action: { label: 'Undo', run: () => onChange(written) },
    });
  }

  useKeys([
    {
      keys: 'p',
      label: 'Go to the prompt',
      run: () => document.getElementById(FIELD)?.querySelector('textarea')?.focus(),
    },
    ...(many ? [{ keys: '+', label: 'Add an example', run: add }] : []),
  ]);

  return (
    <section id={FIELD} aria-label="Your prompt" className="flex flex-col gap-3">
      <div className="flex max-w-[40.6rem] items-baseline gap-3">
        <h2 className="flex-1 text-12 font-strong tracking-wide text-quiet">YOUR PROMPT</h2>
        <p className="text-12 text-quiet">{FORM_NAMES[form]}</p>
      </div>
      <WritingField
        label={many ? 'Instruction' : 'Your prompt'}
        hiddenLabel={!many}
        value={instruction}
        size="few"
        placeholder={
          many ? 'What is to be done with each input.' : 'Write it as somebody who wants the answer would.'
        }
        onText={(text) => onChange({ ...written, instruction: text })}
      />
      {many && (
        <>
          <ol className="flex flex-col gap-4">
            {examples.map((example, index) => (
              <li key={places[index]} className="flex max-w-[40.6rem] flex-col gap-1 border-l-2 pl-4">
                <div className="flex items-center gap-3">
                  <h3 className="flex-1 text-12 font-strong text-quiet">Example {index + 1}</h3>
                  {examples.length > FEWEST_EXAMPLES && (
                    <Button
                      small
                      tone="quiet"
                      aria-label={`Take example ${index + 1} out`}
                      onClick={() => remove(index)}
                    >
                      Take out
                    </Button>
                  )}
                </div>
                <WritingField
                  label={`Input ${index + 1}`}
                  value={example.input}
                  size="line"
                  onText={(input) => change(index, { input })}
                />
                <WritingField
                  label={`Output ${index + 1}`}
                  value={example.output}
                  size="line"
                  onText={(output) => change(index, { output })}
                />
              </li>
            ))}
          </ol>
          <div>
            <Button small disabled={examples.length >= MOST_EXAMPLES} onClick={add} shortcut="+">
              Add an example
            </Button>
          </div>
          <WritingField
            label="Last input: the one that you answer"
            value={last}
            size="line"
            onText={(text) => onChange({ ...written, last: text })}
          />
        </>
      )}
    </section>
  );
}

/** Keys for the examples, which have no name but their place. */
const places = Array.from({ length: MOST_EXAMPLES }, (_, index) => `example ${index + 1}`);
