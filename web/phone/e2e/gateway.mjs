import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** Starts the development gateway on a free port. dev(what, data) makes something happen there. */
export async function startGateway() {
  const port = await freePort();
  const child = spawn(process.execPath, [fileURLToPath(new URL('../dev/gateway.mjs', import.meta.url))], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`the development gateway ended with ${code}`)));
  });
  const base = `http://127.0.0.1:${port}`;
  return {
    url: `${base}/phone/`,
    async dev(what, data = {}) {
      const response = await fetch(`${base}/_dev/${what}`, { method: 'POST', body: JSON.stringify(data) });
      return response.json();
    },
    async stop() {
      child.kill();
      await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
