import { defineModule } from './module.ts'

defineModule('each place')
