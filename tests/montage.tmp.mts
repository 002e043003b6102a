import { launchChromium } from '/work/wt/visual/tests/support/browser.ts';
const [out, cols, w, ...files] = process.argv.slice(2);
const b = await launchChromium(); const p = await b.newPage({ viewport: { width: Number(cols)*(Number(w)+8)+8, height: 400 } });
await p.goto('file:///tmp/shots/');
await p.setContent(`<body style="margin:8px;background:#888;display:grid;grid-template-columns:repeat(${cols},${w}px);gap:8px">${files.map(f=>`<figure style="margin:0"><figcaption style="font:12px sans-serif">${f}</figcaption><img style="width:${w}px" src="file:///tmp/shots/${f}.png"></figure>`).join('')}`);
await p.waitForFunction('[...document.images].every(i=>i.complete)');
await p.screenshot({ path: out!, fullPage: true }); await b.close();
