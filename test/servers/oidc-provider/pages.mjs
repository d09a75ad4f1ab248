// What a person sees at the provider: plain forms that need no network.
const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<style>body{font:1rem system-ui,sans-serif;max-width:26rem;margin:4rem auto}button{font:inherit;padding:.4rem 1rem}</style>
<h1>${title}</h1>${body}</html>`;

const safe = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// signInPage asks who is there, or only for consent if that is known.
export function signInPage(client, prompt) {
  const who = prompt === 'login' ? '<p><label>User <input id="user" name="user" value="ada"></label></p>' : '';
  return page('Sign in', `<p>${safe(client)} wants to act for you.</p><form method="post">${who}
<button id="yes" name="answer" value="yes">Sign in</button>
<button id="no" name="answer" value="no">Refuse</button></form>`);
}

// The pages of the device flow; form is the provider's own, without a button.
export function inputPage(ctx, form, _out, err) {
  const problem = err ? `<p role="alert">${safe(err.message)}</p>` : '';
  ctx.body = page('Enter the code of your device', `${problem}${form}
<button id="yes" type="submit" form="op.deviceInputForm">Continue</button>`);
}

export function confirmPage(ctx, form, client, _device, code) {
  ctx.body = page('Is this your device?', `<p>${safe(client.clientId)} shows <code>${safe(code)}</code>.</p>${form}
<button id="yes" type="submit" form="op.deviceConfirmForm">Continue</button>
<button id="no" type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Refuse</button>`);
}

export function donePage(ctx) {
  ctx.body = page('Your device is signed in', '<p>You can close this page.</p>');
}
