import { defineIsoFuzz } from '../card/iso-fuzz.ts'

/** A million, by strangers and by holders. */
defineIsoFuzz(500_000)
