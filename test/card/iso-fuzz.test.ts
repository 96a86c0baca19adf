import { defineIsoFuzz } from './iso-fuzz.ts'

defineIsoFuzz(20_000)
