/** How much of a guest's text a report shows; the whole of it is in the evidence. */

export const NAME_MAX = 200;
export const REASON_MAX = 500;
export const DETAIL_MAX = 500;
export const CHECKPOINTS_MAX = 40;
export const EXCERPT_LINES_MAX = 60;
export const EXCERPT_LINE_MAX = 240;
