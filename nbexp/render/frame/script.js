// Runs JavaScript that a notebook gave as an output.
try {
  new Function("element", String(nbexp.data()))(document.getElementById("output"));
} catch (error) {
  nbexp.fail(error);
}
