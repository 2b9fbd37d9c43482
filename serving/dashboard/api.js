// What the page asks of the service, and nothing else: three calls, one error type.

const TIMEOUT_MS = 90_000;
const TRIES = 4;
const LONGEST_WAIT_S = 20;

/** What went wrong, as the service says it: a code for programs, a message and a remedy for people. */
export class ServiceError extends Error {
  constructor({ code, message, remedy, status = 0, wait = 0 }) {
    super(message);
    this.code = code;
    this.remedy = remedy;
    this.status = status;
    this.wait = wait;
  }
}

/** The service at this page's own origin. The API key lives in this object, so it ends with the page. */
export class Service {
  #key = "";

  set key(value) {
    this.#key = value;
  }

  get hasKey() {
    return this.#key !== "";
  }

  /** Model status and configuration. */
  health() {
    return this.#call("/health", { cache: "no-store" });
  }

  /** What the model reached on its test split; null where nobody knows. */
  async evaluation() {
    return (await this.#call("/evaluation", { cache: "no-store" })).evaluation;
  }

  /**
   * Classify one image file. Waits and tries again while the service is overloaded, telling `onWait` the seconds; ends early when `signal` says so.
   * A file above `maxBytes` is not sent: a connection that the service cuts while it receives says nothing.
   */
  async predict(file, { maxBytes, signal, onWait }) {
    if (file.size > maxBytes) throw tooLarge(file, maxBytes);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const body = new FormData();
        body.append("image", file, "image"); // file names may hold a patient's name: they are not sent
        return await this.#call("/predict?explain=true", { method: "POST", body, signal });
      } catch (error) {
        const busy = error.status === 429 || error.status === 503;
        if (!busy || attempt === TRIES) throw error;
        const seconds = Math.min(error.wait || 2 ** attempt, LONGEST_WAIT_S);
        onWait(seconds);
        await pause(seconds * 1000, signal);
      }
    }
  }

  async #call(path, { signal = null, ...options }) {
    const headers = { Accept: "application/json" };
    if (this.#key) headers["X-API-Key"] = this.#key;
    let response;
    try {
      const ends = [AbortSignal.timeout(TIMEOUT_MS), signal].filter(Boolean);
      response = await fetch(path, { ...options, headers, credentials: "same-origin", signal: AbortSignal.any(ends) });
    } catch (error) {
      if (signal?.aborted) throw cancelled();
      throw unreachable(error);
    }
    let answer = null;
    try {
      answer = await response.json();
    } catch {
      // no JSON: a proxy may have answered; handled below
    }
    if (response.ok && answer) return answer;
    throw refused(response, answer);
  }
}

/** The user stopped an image before its answer came. */
export function cancelled() {
  return new ServiceError({ code: "cancelled", message: "It was cancelled before an answer came.", remedy: "Choose Try again to classify it." });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(cancelled())), { once: true });
  });
}

function tooLarge(file, maxBytes) {
  const [limit, got] = [maxBytes, file.size].map((bytes) => bytes.toLocaleString("en"));
  return new ServiceError({
    code: "too_many_bytes",
    message: `An image may hold ${limit} bytes, but this file holds ${got}.`,
    remedy: "Choose a smaller file.",
    status: 413,
  });
}

function unreachable(error) {
  if (error.name === "TimeoutError") {
    return new ServiceError({
      code: "timeout",
      message: `The service did not answer within ${TIMEOUT_MS / 1000} seconds.`,
      remedy: "Try again; a smaller image answers sooner.",
    });
  }
  return new ServiceError({
    code: "unreachable",
    message: "The service cannot be reached.",
    remedy: "Check the connection and that the service runs, then try again.",
  });
}

function refused(response, answer) {
  const said = answer?.error ?? {};
  return new ServiceError({
    code: said.code ?? `http_${response.status}`,
    message: said.message ?? `The service answered with status ${response.status} and no explanation.`,
    remedy: said.remedy ?? "Try again; if it stays, ask who runs this service.",
    status: response.status,
    wait: Number(response.headers.get("Retry-After")) || 0,
  });
}
