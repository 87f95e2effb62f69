/** The worker of `loadbase check`. */
import type { BaseResult } from '../contract.ts';
import type { CheckedImageData } from '../checker.ts';
import { makeModelChecker } from '../model-checker.ts';
import { checkJobs, type CheckJob } from './check-job.ts';
import { serveJobs } from './serve-jobs.ts';

serveJobs<CheckedImageData, CheckJob, BaseResult>((data) =>
  Promise.resolve(checkJobs(data, makeModelChecker)),
);
