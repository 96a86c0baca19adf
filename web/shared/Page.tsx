import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core'
import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '@mantine/core/styles.css'
import 'virtual:theme.css'
import './base.css'
import { theme } from './theme.ts'

const colorScheme = localStorageColorSchemeManager({ key: 'kontant-color-scheme' })

/** Puts a page into its document. */
export function showPage(content: ReactNode): void {
  const root = document.getElementById('root')
  if (!root) throw new Error('index.html has no #root')
  createRoot(root).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        defaultColorScheme="auto"
        colorSchemeManager={colorScheme}
        withCssVariables={false}
        withGlobalClasses={false}
      >
        {content}
      </MantineProvider>
    </StrictMode>,
  )
}
