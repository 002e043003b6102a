import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import Markdown from './markdown.tsx';
import MarkdownWithCode from './markdown-with-code.tsx';

const html = (text: string) => renderToStaticMarkup(<Markdown text={text} />);

describe('text from prompts and completions', () => {
  it('shows HTML letter by letter, and loses nothing of it', () => {
    expect(html('<script>alert("no")</script> Keep the **emphasis**.')).toBe(
      '<p>&lt;script&gt;alert(&quot;no&quot;)&lt;/script&gt; Keep the <strong>emphasis</strong>.</p>',
    );
    expect(html('<img src=x onerror="alert(1)">')).not.toContain('<img');
  });

  it('gives links no way to run code or to tell where they were opened', () => {
    for (const address of ['javascript:alert(1)', 'data:text/html,x', '/api/auth/signout', '//example.org']) {
      expect(html(`[click](${address})`)).toBe('<p><span>click [link that cannot be opened]</span></p>');
    }
    expect(html('[click](https://example.org)')).toContain('rel="noopener noreferrer nofollow"');
  });

  it('loads no picture', () => {
    const shown = html('![a fox](https://example.org/fox.png)');
    expect(shown).not.toContain('<img');
    expect(shown).toContain('[picture: a fox]');
  });

  it('renders tables and coloured code', () => {
    expect(html('| a | b |\n|---|---|\n| 1 | 2 |')).toMatch(/^<div class="wide"><table>.*<td>1<\/td>/s);
    expect(renderToStaticMarkup(<MarkdownWithCode text={'```python\nreturn 1\n```'} />)).toContain(
      'hljs-keyword',
    );
  });
});
