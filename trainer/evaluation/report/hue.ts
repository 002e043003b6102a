/** A colour of the page by what a line stands for; its class in the styles. */
export type Hue = 'base' | 'sft' | 'reward' | 'ppo' | 'dpo' | 'other';

/** The colour of the stage that made a model. */
export function hueOf(stage: string | null): Hue {
  switch (stage) {
    case 'pretrain':
      return 'base';
    case 'sft':
    case 'reward':
    case 'ppo':
    case 'dpo':
      return stage;
    default:
      return 'other';
  }
}
