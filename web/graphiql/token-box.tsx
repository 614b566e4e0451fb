// The labelled input for the bearer token and, beside it, what the server makes of that token.
import { type FormEvent, useEffect, useState } from 'react';
import type { Standing } from './fetcher';
import { bare } from './token';

interface Props {
  token: string;
  standing: Standing;
  onChange: (token: string) => void;
}

export function TokenBox({ token, standing, onChange }: Props) {
  const [draft, setDraft] = useState(token);
  useEffect(() => setDraft(token), [token]);

  function use(text: string): void {
    const next = bare(text);
    setDraft(next);
    if (next !== token) onChange(next);
  }

  function edit(event: FormEvent<HTMLInputElement>): void {
    const text = event.currentTarget.value;
    // A pasted token is whole and used at once; a typed one waits for Enter, or the schema would be asked for per key.
    if ((event.nativeEvent as InputEvent).inputType === 'insertFromPaste') use(text);
    else setDraft(text);
  }

  const { tone, text } = describe(token, standing);
  return (
    <form
      className="token-box"
      onSubmit={event => {
        event.preventDefault();
        use(draft);
      }}
    >
      <span className={`token-standing ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
        {text}
      </span>
      <label htmlFor="token">Bearer token</label>
      {/* Not type=password: password managers would offer to keep it. The style sheet hides the characters. */}
      <input
        id="token"
        type="text"
        autoComplete="off"
        spellCheck={false}
        placeholder="paste, or type and press Enter"
        aria-invalid={tone === 'bad'}
        value={draft}
        onInput={edit}
        onBlur={() => use(draft)}
      />
      <button type="button" disabled={!draft} onClick={() => use('')}>
        Clear
      </button>
    </form>
  );
}

function describe(token: string, standing: Standing): { tone: 'good' | 'bad' | 'plain'; text: string } {
  switch (standing.kind) {
    case 'refused':
      return {
        tone: 'bad',
        text: token
          ? 'The server refused this token (401): it is invalid or has expired.'
          : 'The server wants a token (401).',
      };
    case 'unreachable':
      return { tone: 'bad', text: 'The server does not answer.' };
    case 'known':
      return standing.viewer
        ? { tone: 'good', text: `${standing.viewer.name} · ${standing.viewer.role}` }
        : { tone: 'plain', text: 'Guest' };
    case 'unknown':
      return { tone: 'plain', text: '' };
  }
}
