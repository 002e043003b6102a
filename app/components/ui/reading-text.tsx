'use client';

import { lazy, Suspense } from 'react';

const Markdown = lazy(() => import('./markdown.tsx'));
const MarkdownWithCode = lazy(() => import('./markdown-with-code.tsx'));

// Signs that a text may hold Markdown: emphasis, code, lists, headings, quotes, links, tables, HTML.
const MARKED = /[*_`~<|[\]]|^\s{0,3}(#{1,6}\s|>|[-+]\s|\d+[.)]\s)|https?:/m;

/** A fence that names its language. */
const CODE = /^\s*(```|~~~)\s*\w/m;

/** Whether a text needs the Markdown renderer; most prompts of most projects do not. */
export function looksMarked(text: string): boolean {
  return MARKED.test(text);
}

function Plain({ text }: { text: string }) {
  return <p className="whitespace-pre-wrap">{text}</p>;
}

/**
 * A text that people judge, in the reading serif. Markdown is rendered and sanitised; the renderer is loaded only when
 * the text seems to hold any, with the plain text standing in its place meanwhile.
 */
export function ReadingText({ text, plain = false }: { text: string; plain?: boolean }) {
  return (
    <div dir="auto" className="reading prose">
      {plain || !looksMarked(text) ? (
        <Plain text={text} />
      ) : (
        <Suspense fallback={<Plain text={text} />}>
          {CODE.test(text) ? <MarkdownWithCode text={text} /> : <Markdown text={text} />}
        </Suspense>
      )}
    </div>
  );
}

const SPEAKERS = { system: 'System', user: 'Person', assistant: 'Assistant' } as const;

/** A conversation: one turn is shown bare, several with their speakers. */
export function Conversation({
  messages,
}: {
  messages: { role: 'system' | 'user' | 'assistant'; content: string }[];
}) {
  const only = messages.length === 1 ? messages[0] : undefined;
  if (only) return <ReadingText text={only.content} />;
  const turns = messages.map((message, index) => ({ ...message, turn: index + 1 }));
  return (
    <ol className="flex flex-col gap-4">
      {turns.map((message) => (
        <li key={message.turn} className={message.role === 'assistant' ? 'border-l-2 pl-4' : ''}>
          <p className="text-12 text-quiet">{SPEAKERS[message.role]}</p>
          <ReadingText text={message.content} />
        </li>
      ))}
    </ol>
  );
}
