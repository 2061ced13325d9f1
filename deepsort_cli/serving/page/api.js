// Talking to the server: one place for errors and for the token.

import { byId } from "./dom.js";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const WRONG = "That is not the token.";
let asked = null;

/** Call the API; gives its JSON. Where a token is missing, asks for it and tries again. */
export async function call(path, { method = "GET", json, body, signal, timeout = 15000 } = {}) {
  const options = {
    method,
    body,
    signal: AbortSignal.any([AbortSignal.timeout(timeout), ...(signal ? [signal] : [])]),
  };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers = { "Content-Type": "application/json" };
  } else if (body) {
    options.headers = { "Content-Type": body.type || "application/octet-stream" };
  }
  const response = await fetch(path, options);
  if (response.status === 401) {
    await askForToken();
    return call(path, { method, json, body, signal, timeout });
  }
  return answer(response);
}

async function answer(response) {
  if (response.ok) return response.json();
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).error ?? message;
  } catch {
    // no JSON: the status has to do
  }
  throw new ApiError(response.status, message);
}

/** Show the form until a token is right; the server then sets a cookie. Several callers wait for the same form. */
export function askForToken() {
  asked ??= new Promise((resolve) => {
    const view = byId("token-view");
    const form = byId("token-form");
    const stay = (event) => event.preventDefault();
    const submit = async (event) => {
      event.preventDefault();
      const problem = await tryToken(byId("token").value.trim());
      byId("token-error").textContent = problem;
      if (problem) {
        byId("token").select();
        return;
      }
      byId("token").value = "";
      view.removeEventListener("cancel", stay);
      form.removeEventListener("submit", submit);
      view.close();
      asked = null;
      resolve();
    };
    view.addEventListener("cancel", stay);
    form.addEventListener("submit", submit);
    view.showModal();
  });
  return asked;
}

async function tryToken(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) return "A token has no spaces and no letters beyond ASCII.";
  try {
    await fetch(`/?token=${encodeURIComponent(token)}`); // a right one comes back as a cookie
    const response = await fetch("/api/state");
    if (response.ok) return (await response.json()).writable ? "" : WRONG;
    return response.status === 401 ? WRONG : await answer(response).catch((error) => error.message);
  } catch {
    return "The server does not answer.";
  }
}
