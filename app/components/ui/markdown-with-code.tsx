'use client';

import rehypeHighlight from 'rehype-highlight';
import Markdown, { type RehypePlugins } from './markdown.tsx';

const COLOUR_CODE: RehypePlugins = [[rehypeHighlight, { detect: false }]];

/** Markdown whose fenced code is coloured by its language: the grammars weigh more than all the rest, so it is apart. */
export default function MarkdownWithCode({ text }: { text: string }) {
  return <Markdown text={text} colourCode={COLOUR_CODE} />;
}
