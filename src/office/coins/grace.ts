const DAY = 24 * 3600 * 1000

/** How long after a coin has expired vendors may still show it, ms: longer than a till may be offline. */
export const GRACE = 60 * DAY
/** How long a till may be offline, ms: who has not reported until then has nothing to show. */
export const OFFLINE_MAX = 30 * DAY
/** How long another bank is waited for that is not heard of, ms: one that is closed holds nobody up for ever. */
export const SILENT_MAX = GRACE + OFFLINE_MAX
