import { datasetsRouter } from './datasets/router.ts';
import { findRouter } from './find/router.ts';
import { guidelinesRouter, projectsRouter } from './labeling/project-router.ts';
import { reviewsRouter } from './labeling/review-router.ts';
import { labelingRouter } from './labeling/router.ts';
import { modelsRouter, runsRouter } from './models/router.ts';
import { peopleRouter } from './people/router.ts';
import { qualityRouter } from './quality/router.ts';
import { roundsRouter } from './rounds/router.ts';
import { createCallerFactory, router } from './trpc.ts';

/** Everything that the app asks of the server. */
export const appRouter = router({
  people: peopleRouter,
  projects: projectsRouter,
  guidelines: guidelinesRouter,
  labeling: labelingRouter,
  reviews: reviewsRouter,
  datasets: datasetsRouter,
  models: modelsRouter,
  runs: runsRouter,
  rounds: roundsRouter,
  find: findRouter,
  quality: qualityRouter,
});

export type AppRouter = typeof appRouter;

/** Calls the procedures without HTTP: for server components and tests. */
export const createCaller = createCallerFactory(appRouter);
