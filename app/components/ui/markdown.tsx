'use client';

import ReactMarkdown from 'react-markdown';
import rehypeHighlight from 'rehype-highlight';
import rehypeSanitize from 'rehype-sanitize';
import remarkGfm from 'remark-gfm';

/**
 * Markdown with tables and code. Raw HTML stays text, and what is left is sanitised before code is coloured. Links open
 * elsewhere and tell the other side nothing; pictures are shown as links, because a labeler's address is not theirs to
 * give away.
 */
export default function Markdown({ text }: { text: string }) {
  return (
    <ReactMarkdown
      remarkPlugins={[remarkGfm]}
      rehypePlugins={[rehypeSanitize, [rehypeHighlight, { detect: false }]]}
      components={{
        a: ({ href, children }) => (
          <a href={href} target="_blank" rel="noopener noreferrer nofollow">
            {children}
          </a>
        ),
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
