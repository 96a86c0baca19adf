import { z } from 'zod'

/** In JSON: a SHA-256. */
export const digestText = z.string().regex(/^[0-9a-f]{64}$/)
