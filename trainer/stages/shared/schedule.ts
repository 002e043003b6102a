/** The part of a config that says how the learning rate goes. */
export interface ScheduleSettings {
  schedule: 'cosine' | 'constant';
  warmupSteps: number;
  finalLearningRateFraction: number;
}

/**
 * The learning rate's factor at an optimizer step: a linear rise over the warm-up, then constant 1, or half a cosine from
 * 1 to the final fraction, which the last step has.
 *
 * @param step from 1 to totalSteps
 */
export function learningRateFactor(step: number, totalSteps: number, settings: ScheduleSettings): number {
  const { schedule, warmupSteps, finalLearningRateFraction: final } = settings;
  if (step <= warmupSteps) return step / warmupSteps;
  if (schedule === 'constant') return 1;
  const span = totalSteps - 1 - warmupSteps;
  const progress = span > 0 ? Math.min(1, (step - 1 - warmupSteps) / span) : 0;
  return final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
