/** The demo world: what the demo, the rehearsal and `touchstone demo-world` use. */
export { QUALITIES, type Quality } from './demonstrations.ts';
export type { Entities, Fact } from './entities.ts';
export { ranksFromGroups, type WriteWorldOptions, writeWorld } from './files.ts';
export { GOLD_WEIGHTS, type GoldJudgement } from './gold.ts';
export { DEFAULT_NOISE, type LabelerOptions, SimulatedLabeler } from './labeler.ts';
export type { Prompt, PromptKind, Split } from './prompts.ts';
export { createRandom, type Random } from './random.ts';
export { type DemoRecipe, demoRecipe } from './recipe.ts';
export { createWorld, type World } from './world.ts';
