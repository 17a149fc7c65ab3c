import type { ServerResponse } from "node:http";
import type { Reply } from "./answers.js";
import type { Misbehaviour, Reach } from "./protocol.js";
import { masterMould, type Row } from "./recorded.js";

const standingNames = ["leader-check", "health", "status", "lb-check", "_ping"];

/** Where a misbehaviour is to be seen if nobody says: what is sent wrong is the data, who is silent is so in all. */
export function usualReach(how: Misbehaviour): Reach {
  return ["nothing", "dribble", "unauthorized", "redirect"].includes(how) ? "all" : "data";
}

export function reaches(reach: Reach, name: string): boolean {
  const standing = name.startsWith("raft-") || standingNames.includes(name);
  return reach === "all" || (reach === "standing") === standing;
}

/** A true answer, made odd where that is asked for. */
export function spoil(how: Misbehaviour | undefined, name: string, reply: Reply): Reply {
  if (!Array.isArray(reply.document)) return reply;
  if (how === "odd-hosts" && ["downtimed", "all-instances"].includes(name)) {
    const odd = {
      ...masterMould,
      Key: { Hostname: "db1\u001b[2J\nONLINE", Port: 99_999 },
      IsDowntimed: true,
    };
    return { ...reply, document: [...(reply.document as Row[]), odd] };
  }
  if (how === "ten-thousand" && name === "all-instances") {
    return { ...reply, document: [...(reply.document as Row[]), ...tenThousand()] };
  }
  return reply;
}

function tenThousand(): Row[] {
  return Array.from({ length: 10_000 }, (_, index) => ({
    ...masterMould,
    Key: { Hostname: `db-${index}.many.example`, Port: 3306 },
    ClusterName: `db-${index}.many.example:3306`,
    SuggestedClusterAlias: `many-${index}`,
  }));
}

/** Sends an answer, or something instead of it. */
export function send(
  response: ServerResponse,
  how: Misbehaviour | undefined,
  { status, document }: Reply,
): void {
  const body = Buffer.from(document === undefined ? "" : JSON.stringify(document));
  response.setHeader("Content-Type", "application/json; charset=UTF-8");
  switch (how) {
    case "nothing":
      return;
    case "html":
      response.setHeader("Content-Type", "text/html").end("<html><body><h1>It works!</h1></body></html>");
      return;
    case "status-500":
      response
        .writeHead(500)
        .end(JSON.stringify({ Code: "ERROR", Message: "database is locked", Details: null }));
      return;
    case "empty-502":
      response.writeHead(502).end();
      return;
    case "redirect":
      response.writeHead(302, { Location: "http://127.0.0.1:9/" }).end();
      return;
    case "unauthorized":
      refuse(response);
      return;
    case "half-json":
      response.writeHead(status).end(body.subarray(0, Math.floor(body.length / 2)));
      return;
    case "dribble":
      dribble(response, status, body);
      return;
    default:
      response.writeHead(status).end(body);
  }
}

export function refuse(response: ServerResponse): void {
  response
    .writeHead(401, { "WWW-Authenticate": 'Basic realm="Authorization Required"' })
    .end("Not Authorized\n");
}

function dribble(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { "Content-Length": body.length });
  let sent = 0;
  const one = (): void => {
    response.write(body.subarray(sent, sent + 1));
    sent += 1;
    if (sent >= body.length) response.end();
  };
  one();
  const timer = setInterval(one, 1_000);
  response.once("close", () => clearInterval(timer));
}
