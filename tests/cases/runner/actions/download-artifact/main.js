// Stands in for actions/download-artifact: the files of an artifact, at the workspace's root.
const { cpSync } = require("node:fs");

cpSync(`/github-stand-in/artifacts/${process.env.INPUT_NAME}`, ".", { recursive: true });
