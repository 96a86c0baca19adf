process.env['KONTANT_BREADTH'] = 'all'

await import('../office/inter-office.test.ts')
