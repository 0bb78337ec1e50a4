// Stands in for actions/upload-artifact: a copy of one file in the folder that jobs see.
const { chmodSync, copyFileSync, mkdirSync } = require("node:fs");
const { basename } = require("node:path");

const artifact = `/github-stand-in/artifacts/${process.env.INPUT_NAME}`;
mkdirSync(artifact, { recursive: true });
chmodSync(artifact, 0o777); // whoever runs the tests removes it
copyFileSync(process.env.INPUT_PATH, `${artifact}/${basename(process.env.INPUT_PATH)}`);
