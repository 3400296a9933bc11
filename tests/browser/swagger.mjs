// Opens the Swagger page of a running gateway in a real browser, presses "Execute", and fails
// unless a roll comes back and nothing was asked of any other host.
//
//   node swagger.mjs http://127.0.0.1:8080 [screenshot.png]

import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.BROWSER_MODULES ?? "."}/`)("playwright-core");
const [base, screenshot] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const faults = [];
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1800 } });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:")) faults.push(`asked another host: ${url}`);
  });
  page.on("pageerror", (error) => faults.push(`the page failed: ${error}`));
  page.on("console", (line) => line.type() === "error" && faults.push(`the page complained: ${line.text()}`));

  await page.goto(`${base}/docs`);
  const operation = page.locator("#operations-Users-listUsers");
  await operation.click();
  const answered = page.waitForResponse((response) => response.url().includes("/users"));
  await operation.locator("button.execute").click();
  const response = await answered;
  if (response.status() !== 200) faults.push(`"Execute" was answered with ${response.status()}: ${response.url()}`);
  await operation.locator(".live-responses-table .response-col_status").getByText("200").first().waitFor();
  if (screenshot) await page.screenshot({ path: screenshot });
} finally {
  await browser.close();
}
for (const fault of faults) console.error(fault);
process.exit(faults.length ? 1 : 0);
