// simple-hl7's TCP client: three messages over one connection. Prints MSA-1 and MSA-2 of each answer.
const hl7 = require("simple-hl7");

const [host, port] = process.argv.slice(2);
const client = hl7.Server.createTcpClient({ host, port: Number(port), keepalive: true });

function message(number) {
  const made = new hl7.Message("LAB", "NORTH", "EHR", "MAIN", "20260302101500", "", ["ADT", "A01"], `S${number}`, "P", "2.5.1");
  made.addSegment("PID", "1", "", ["S1", "", "", "NORTH", "MR"], "", ["Example", "Paula"]);
  made.addSegment("PV1", "1", "O");
  return made;
}

client.connect((error) => {
  if (error) throw error;
  send(1);
});

function send(number) {
  client.send(message(number), (error, answer) => {
    if (error) throw error;
    const msa = answer.getSegment("MSA");
    console.log(`${msa.getField(1)} ${msa.getField(2)}`);
    if (number === 3) client.close();
    else setImmediate(send, number + 1); // the client frees itself only after this callback
  });
}
