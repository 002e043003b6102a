import { THEME_KEY } from '../components/ui/theme-key.ts';

export const dynamic = 'force-static';

/** A script that sets the chosen theme before the first paint. A file of its own, so that a strict CSP may allow it. */
export function GET(): Response {
  const script = `try{var t=localStorage.getItem('${THEME_KEY}');if(t==='light'||t==='dark')document.documentElement.dataset.theme=t}catch(e){}`;
  return new Response(script, {
    headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=86400' },
  });
}
