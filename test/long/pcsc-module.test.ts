import { defineModule } from '../reader/pcsc/module.ts'

defineModule('all')
