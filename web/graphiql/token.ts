// Keeps the bearer token in localStorage and takes a new one from the address; it never sends it anywhere.

const KEY = 'feature-api:token';
const FRAGMENT = 'token';

export function storedToken(): string {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return ''; // Storage is switched off: the token then lives as long as the page.
  }
}

export function storeToken(token: string): void {
  try {
    if (token) localStorage.setItem(KEY, token);
    else localStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}

/**
 * The token of `#token=…`, moved into storage; null where the address has none. The fragment never reaches a server,
 * and it is taken out of the address so that it stays out of bookmarks, screenshots and the browser's history.
 */
export function takeTokenFromAddress(): string | null {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get(FRAGMENT);
  if (token === null) return null;
  const clean = bare(token);
  storeToken(clean);
  fragment.delete(FRAGMENT);
  const rest = fragment.toString();
  history.replaceState(history.state, '', location.pathname + location.search + (rest ? `#${rest}` : ''));
  return clean;
}

/** What people paste, without blanks and without the word "Bearer" in front. */
export function bare(text: string): string {
  return text.trim().replace(/^bearer\s+/i, '');
}
