import { defineIsoFuzz } from './iso-fuzz.ts'

defineIsoFuzz(10_000)
