process.env['KONTANT_SIZES'] = 'every'

await import('../web/console.test.ts')
await import('../web/till.test.ts')
await import('../web/holders.test.ts')
