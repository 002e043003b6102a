/** The page's look: the product's tokens (slate, one streak of gold; light and dark are equals), and nothing from outside. */
export const styles = `
:root {
  color-scheme: light dark;
  --ground: #f5f7f9; --surface: #ffffff; --sunken: #eaeef2; --line: #d9dfe6; --edge: #7f8a97;
  --ink: #161c24; --quiet: #515d6b; --gold: #b98812; --gold-text: #7a5700;
  --base: #616b77; --sft: #225cba; --reward: #7444c4; --ppo: #8a6200; --dpo: #196b36; --other: #161c24;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1318; --surface: #161b22; --sunken: #0b0e12; --line: #2a323c; --edge: #717d8b;
    --ink: #e7ecf2; --quiet: #a5b0bd; --gold: #dfae3c; --gold-text: #e8bb52;
    --base: #a0abb8; --sft: #7db0ff; --reward: #bda2fa; --ppo: #e8bb52; --dpo: #6ccf92; --other: #e7ecf2;
  }
}
* { box-sizing: border-box; margin: 0; }
html { background: var(--ground); color: var(--ink); font: 400 0.875rem/1.375rem Geist, ui-sans-serif, system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 3rem 2rem 6rem; }
header { border-left: 4px solid var(--gold); padding-left: 1rem; margin-bottom: 3rem; }
h1 { font-size: 1.75rem; line-height: 2.25rem; font-weight: 600; }
h2 { font-size: 1.3125rem; line-height: 1.8rem; font-weight: 600; margin-bottom: 0.25rem; }
h3 { font-size: 0.875rem; font-weight: 600; margin-bottom: 0.5rem; }
section { margin-top: 3.5rem; }
.run { margin-top: 2rem; }
p { max-width: 72ch; }
.lead { font-size: 1.0625rem; line-height: 1.6; margin-top: 0.75rem; }
.lead + .lead { margin-top: 0.25rem; }
.note { color: var(--quiet); margin-bottom: 1rem; }
.warning { border-left: 4px solid var(--gold); background: var(--surface); padding: 0.75rem 1rem; margin: 1rem 0; max-width: 72ch; }
.scroll { overflow-x: auto; border-top: 1px solid var(--edge); border-bottom: 1px solid var(--edge); margin-bottom: 0.75rem; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--gold); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.5rem 0.75rem; text-align: right; white-space: nowrap; vertical-align: baseline; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { font-weight: 400; color: var(--quiet); font-size: 0.75rem; border-bottom: 1px solid var(--line); vertical-align: bottom; }
tbody th { font-weight: 600; text-align: left; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
td, .number { font-family: "Geist Mono", ui-monospace, monospace; font-variant-numeric: tabular-nums; font-size: 0.8125rem; }
.within { color: var(--quiet); font-size: 0.75rem; display: block; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 2rem 2.5rem; }
.figures.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
figure { min-width: 0; }
figcaption { font-weight: 600; }
figcaption span { font-weight: 400; color: var(--quiet); }
svg { display: block; width: 100%; max-width: 34rem; height: auto; overflow: visible; margin: 0.5rem 0; }
svg text { font: 400 12px Geist, ui-sans-serif, system-ui, sans-serif; fill: var(--quiet); font-variant-numeric: tabular-nums; }
svg .label { font-weight: 600; fill: currentColor; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--edge); stroke-width: 1; }
svg .even { stroke: var(--edge); stroke-width: 1; stroke-dasharray: 3 3; }
svg .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .dashed { stroke-dasharray: 5 4; }
svg .raw { fill: none; stroke: currentColor; stroke-width: 1; opacity: 0.3; }
svg .dot { fill: currentColor; }
svg .hollow { fill: var(--ground); stroke: currentColor; stroke-width: 2; }
.base { color: var(--base); } .sft { color: var(--sft); } .reward { color: var(--reward); }
.ppo { color: var(--ppo); } .dpo { color: var(--dpo); } .other { color: var(--other); }
details { margin-top: 0.25rem; }
summary { cursor: pointer; color: var(--quiet); width: fit-content; border-radius: 6px; }
details .scroll { margin-top: 0.5rem; max-height: 24rem; overflow-y: auto; }
.prompt { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: 1rem; }
.reading { font: 400 1.0625rem/1.6 "Source Serif 4 Variable", "Source Serif 4", Georgia, serif; white-space: pre-wrap; overflow-wrap: anywhere; max-width: 72ch; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 1rem 2rem; margin-top: 0.75rem; }
.answers h4 { font-size: 0.875rem; font-weight: 600; }
.answers .facts { color: var(--quiet); font-size: 0.75rem; }
.turn { color: var(--quiet); font-size: 0.75rem; font-family: Geist, ui-sans-serif, system-ui, sans-serif; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1.5rem; }
dt { color: var(--quiet); }
dd { overflow-wrap: anywhere; min-width: 0; }
pre { background: var(--sunken); border-radius: 6px; padding: 0.75rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 400 0.8125rem/1.375rem "Geist Mono", ui-monospace, monospace; margin-bottom: 1rem; }
@media (max-width: 50rem) { main { padding: 2rem 1rem 4rem; } }
@media print { html { background: none; } section, figure, .prompt { break-inside: avoid; } }
`;
