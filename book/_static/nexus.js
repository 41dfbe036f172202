// Lets the keyboard reach a formula that scrolls sideways; the theme does so for code and outputs.
function reachFormulas() {
  for (const formula of document.querySelectorAll("mjx-container[display]"))
    formula.tabIndex = formula.scrollWidth > formula.clientWidth ? 0 : -1;
}

window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  reachFormulas();
  window.addEventListener("resize", reachFormulas);
});
