// node-hl7-client: a message, then a batch of two. Prints MSA-1 and MSA-2 of each answer.
import { readFileSync } from "node:fs";
import { Batch, Client, Message } from "node-hl7-client";

const [host, port, prefix, authority] = process.argv.slice(2);
const tls = authority && { ca: readFileSync(authority), rejectUnauthorized: true };

function message(number) {
  const made = new Message({
    messageHeader: {
      msh_3: "LAB", msh_4: "NORTH", msh_9_1: "ADT", msh_9_2: "A01", msh_9_3: "ADT_A01",
      msh_10: `${prefix}${number}`, msh_11_1: "P", msh_12: "2.5.1",
    },
  });
  const pid = made.addSegment("PID");
  pid.set("3.1", `${prefix}1`);
  pid.set("5.1", "Example");
  made.addSegment("PV1").set("2", "O");
  return made;
}

let seen = 0;
const client = new Client({ host, ...(tls && { tls }) });
const connection = client.createConnection({ port: Number(port), waitAck: false }, async (answer) => {
  const msa = answer.getMessage().get("MSA");
  console.log(`${msa.get("1")} ${msa.get("2")}`);
  seen += 1;
  if (seen === 3) process.exit(0); // its connection would stay, and keep the process
});

await connection.sendMessage(message(1));
const batch = new Batch();
batch.start();
batch.add(message(2));
batch.add(message(3));
batch.end();
await connection.sendMessage(batch);
