// Starts the page.
import './workers';
import './style.css';
import { createRoot } from 'react-dom/client';
import { App } from './app';

async function start(root: HTMLElement): Promise<void> {
  // Monaco measures its font once, when it starts: a font that comes later would put the cursor beside the letters.
  await document.fonts.load('15px "Fira Code"').catch(() => []);
  createRoot(root).render(<App />);
}

void start(document.getElementById('root')!);
