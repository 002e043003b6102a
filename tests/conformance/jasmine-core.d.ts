/** What the conformance run uses of jasmine-core, which ships no types. */
declare module 'jasmine-core/lib/jasmine-core/jasmine.js' {
  interface Result {
    fullName: string;
    status: 'passed' | 'failed' | 'pending' | 'excluded';
    failedExpectations: { message: string }[];
  }

  interface Env {
    configure(settings: { random: boolean; specFilter(spec: { getFullName(): string }): boolean }): void;
    addReporter(reporter: {
      specStarted(spec: Result): void;
      specDone(spec: Result): void;
      suiteDone(suite: Result): void;
      jasmineDone(run: Pick<Result, 'failedExpectations'>): void;
    }): void;
    execute(): Promise<unknown>;
  }

  interface Jasmine {
    DEFAULT_TIMEOUT_INTERVAL: number;
    getEnv(): Env;
  }

  const jasmineRequire: {
    core(self: unknown): Jasmine;
    /** `describe`, `it`, `expect` and the rest, to be made global */
    interface(jasmine: Jasmine, env: Env): Record<string, unknown>;
  };
  export default jasmineRequire;
}

declare module '@tensorflow/tfjs-core/dist/tests.js';
