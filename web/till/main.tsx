import { showPage } from '../shared/Page.tsx'
import { Till } from './Till.tsx'

showPage(<Till />)
