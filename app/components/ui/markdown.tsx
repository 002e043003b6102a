'use client';

import type { ReactNode } from 'react';
import ReactMarkdown, { type Options } from 'react-markdown';
import rehypeSanitize from 'rehype-sanitize';
import remarkGfm from 'remark-gfm';
import { useKeyboardScroll } from './use-keyboard-scroll.ts';

interface MarkdownProps {
  text: string;
  /** What colours the code, after the sanitising: see markdown-with-code.tsx. */
  colourCode?: RehypePlugins;
}

export type RehypePlugins = NonNullable<Options['rehypePlugins']>;
type RemarkPlugin = Extract<NonNullable<Options['remarkPlugins']>[number], (...settings: never[]) => unknown>;

/**
 * Takes HTML out of the grammar: what looks like a tag is shown letter by letter, and the Markdown around it still
 * counts. Dropping it instead would hide a part of what people are asked to judge.
 */
const withoutHtml: RemarkPlugin = function () {
  const data = this.data();
  const held: Record<string, unknown> = { ...data };
  const extensions: unknown[] = Array.isArray(held.micromarkExtensions) ? held.micromarkExtensions : [];
  Object.assign(data, {
    micromarkExtensions: [...extensions, { disable: { null: ['htmlFlow', 'htmlText'] } }],
  });
};

/**
 * Markdown with tables and code. Raw HTML stays text, and what is left is sanitised. Links open
 * elsewhere and tell the other side nothing; pictures are shown as links, because a labeler's address is not theirs to
 * give away.
 */
export default function Markdown({ text, colourCode = [] }: MarkdownProps) {
  return (
    <ReactMarkdown
      remarkPlugins={[remarkGfm, withoutHtml]}
      rehypePlugins={[rehypeSanitize, ...colourCode]}
      components={{
        a: ({ href = '', children }) =>
          /^(https?|mailto):/i.test(href) ? (
            <a href={href} target="_blank" rel="noopener noreferrer nofollow">
              {children}
            </a>
          ) : (
            // A script, or a place in this app: the words stay, and that there was a link is told. A footnote's mark
            // is only a mark.
            <span>
              {children}
              {!href.startsWith('#') && ' [link that cannot be opened]'}
            </span>
          ),
        // Under the page's own, the one first heading.
        h1: 'h2',
        h2: 'h3',
        h3: 'h4',
        h4: 'h5',
        h5: 'h6',
        pre: ({ children }) => <Pre>{children}</Pre>,
        table: ({ children }) => <WideTable>{children}</WideTable>,
        img: ({ src, alt }) => (
          <a
            href={typeof src === 'string' ? src : undefined}
            target="_blank"
            rel="noopener noreferrer nofollow"
          >
            [picture: {alt || 'no description'}]
          </a>
        ),
      }}
    >
      {text}
    </ReactMarkdown>
  );
}

/** A table wider than the text scrolls in a box of its own, and stays a table for readers. */
function WideTable({ children }: { children: ReactNode }) {
  const ref = useKeyboardScroll<HTMLDivElement>();
  return (
    <div ref={ref} className="wide">
      <table>{children}</table>
    </div>
  );
}

function Pre({ children }: { children: ReactNode }) {
  const ref = useKeyboardScroll<HTMLPreElement>();
  return <pre ref={ref}>{children}</pre>;
}
