import { showPage } from '../shared/Page.tsx'
import { Console } from './Console.tsx'

showPage(<Console />)
