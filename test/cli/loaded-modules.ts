import { registerHooks } from 'node:module'
import process from 'node:process'

/** Loaded before a program by `--import`: says on standard error what the program has loaded. */
registerHooks({
  load(url, context, next) {
    process.stderr.write(`loaded ${url}\n`)
    return next(url, context)
  },
})
