import { defineHonest } from '../notary/honest.ts'

defineHonest(200)
