/** What a pool and its workers say to each other: values that structured clone takes. */

export interface JobMessage<Job> {
  readonly id: number;
  readonly job: Job;
}

export type WorkerMessage<Result> =
  | { readonly kind: 'result'; readonly id: number; readonly result: Result }
  | { readonly kind: 'done'; readonly id: number }
  /** An exception, in words: class and stack of errors of ours do not survive the way. */
  | { readonly kind: 'failed'; readonly id: number; readonly text: string; readonly stack?: string };
