import { fileURLToPath } from 'node:url'
import {
  convertCssVariables,
  DEFAULT_THEME,
  defaultCssVariablesResolver,
  mergeMantineTheme,
} from '@mantine/core'
import react from '@vitejs/plugin-react'
import { build, defineConfig, type InlineConfig, type Plugin } from 'vite'
import { theme, variables } from './shared/theme.ts'

const PAGES = ['console', 'till'] as const

/**
 * `vite build web` builds every page, each into a folder of its own with its own index.html, because
 * two different servers serve them. `vite web/till --config web/vite.config.ts` develops one.
 */
export default defineConfig(({ command }) => {
  const one = page()
  if (command === 'serve') return { ...one, server: { proxy: { '/api': devServer() } } }
  return {
    builder: {
      async buildApp({ environments }) {
        for (const name of PAGES) await build({ ...one, ...output(name), configFile: false })
        // There is nothing to build for this folder itself.
        for (const environment of Object.values(environments)) environment.isBuilt = true
      },
    },
  }
})

function page(): InlineConfig {
  return {
    // Relative: the page works under any path of the server. Routes live behind the #.
    base: './',
    plugins: [react(), themeStyles()],
    build: {
      target: ['chrome123', 'firefox121', 'safari17.5'],
      emptyOutDir: true,
      // Scripts stay files: a page of ours carries no inline code.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // One file a page, from a machine next door: parts of it would only load later.
      chunkSizeWarningLimit: 800,
    },
  }
}

function output(name: (typeof PAGES)[number]): InlineConfig {
  return {
    root: path(`./${name}`),
    build: { ...page().build, outDir: path(`./dist/${name}`) },
  }
}

/**
 * The theme's variables as a stylesheet. Mantine would write them into a <style> element while the
 * page runs, and a content security policy would have to allow every inline style for it.
 */
function themeStyles(): Plugin {
  const id = 'virtual:theme.css'
  return {
    name: 'kontant-theme-styles',
    resolveId: (wanted) => (wanted === id ? `\0${id}` : undefined),
    load: (wanted) =>
      wanted === `\0${id}`
        ? [defaultCssVariablesResolver, variables]
            .map((resolve) => convertCssVariables(resolve(mergeMantineTheme(DEFAULT_THEME, theme))))
            .join('')
        : undefined,
  }
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}

function devServer(): string {
  return process.env['KONTANT_SERVER'] ?? 'http://localhost:8400'
}
