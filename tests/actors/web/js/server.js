/** A real `adjourn` process, which can be killed and restarted on the same port and store. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The transports that its processes serve: HTTP if `ADJOURN_HTTP` is set. */
export const WIRES = process.env.ADJOURN_HTTP ? ["websocket", "http"] : ["websocket"];

const COMMAND = JSON.parse(process.env.ADJOURN_COMMAND ?? '["adjourn"]');

export class Server {
  folder = mkdtempSync(join(tmpdir(), "adjourn-js-"));
  #ports = { port: "0" };
  #args;
  #process;

  /** @param {string[]} args of the command, such as `demo` */
  static async open(test, ...args) {
    const server = new Server();
    server.#args = args;
    test.after(async () => {
      await server.kill();
      rmSync(server.folder, { recursive: true });
    });
    await server.start();
    return server;
  }

  async start() {
    const [program, ...before] = COMMAND;
    const ports = Object.entries(this.#ports).flatMap(([option, port]) => [`--${option}`, port]);
    const options = { cwd: this.folder, stdio: ["ignore", "pipe", "inherit"] };
    this.#process = spawn(program, [...before, ...this.#args, ...ports], options);
    const said = await new Promise((resolve, reject) => {
      let said = "";
      this.#process.once("exit", () => reject(new Error(`the server ended before it listened: ${said}`)));
      this.#process.stdout.on("data", (chunk) => {
        said += chunk;
        if (said.includes("Ended runs are kept")) resolve(said);
      });
    });
    this.#ports.port = /ws:\/\/127\.0\.0\.1:(\d+)/.exec(said)[1];
    if (WIRES.includes("http")) this.#ports["http-port"] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(said)[1];
  }

  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  /** The options of a Chat for each transport. */
  get wires() {
    const { port, "http-port": httpPort } = this.#ports;
    return { websocket: { url: `ws://127.0.0.1:${port}` }, http: { api: `http://127.0.0.1:${httpPort}/runs` } };
  }

  read(name) {
    return readFileSync(join(this.folder, name), "utf8");
  }
}
