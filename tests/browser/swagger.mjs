// Opens the Swagger page of a running gateway in a real browser, presses "Execute", and fails
// unless a roll is returned and no other host is contacted. With a caller's key it first checks
// that requests without it are refused, and then enters it under "Authorize".
//
//   node swagger.mjs http://127.0.0.1:8080 [screenshot.png [key]]

import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.BROWSER_MODULES ?? "."}/`)("playwright-core");
const [base, screenshot, key] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const faults = [];
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1800 } });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:")) faults.push(`contacted another host: ${url}`);
  });
  page.on("pageerror", (error) => faults.push(`the page failed: ${error}`));
  // The browser logs an error for a 401, which is expected if there is a key.
  const wanted = (text) => key && text.includes("401");
  page.on("console", (line) => line.type() === "error" && !wanted(line.text()) && faults.push(`the page logged an error: ${line.text()}`));

  await page.goto(`${base}/docs`);
  const operation = page.locator("#operations-Users-listUsers");
  await operation.locator("button.opblock-summary-control").click();
  const execute = async (status) => {
    const answered = page.waitForResponse((response) => response.url().includes("/users"));
    await operation.locator("button.execute").click();
    const response = await answered;
    if (response.status() !== status) faults.push(`"Execute" got ${response.status()}, not ${status}: ${response.url()}`);
    await operation.locator(".live-responses-table .response-col_status").getByText(String(status)).first().waitFor();
  };
  for (const field of key ? ["#auth-bearer-value", "#api_key_value"] : []) {
    await execute(401);
    await page.locator("button.authorize").first().click();
    const dialog = page.locator(".dialog-ux");
    const way = dialog.locator("form", { has: page.locator(field) });
    await way.locator(field).fill(key);
    await way.locator("button.authorize[type=submit]").click();
    await dialog.locator("button.close-modal").click();
    await execute(200);
    if (screenshot) await page.screenshot({ path: screenshot });
    await page.locator("button.authorize").first().click();
    await dialog.getByRole("button", { name: "Remove authorization" }).click();
    await dialog.locator("button.close-modal").click();
  }
  if (!key) await execute(200);
  if (screenshot && !key) await page.screenshot({ path: screenshot });
} finally {
  await browser.close();
}
for (const fault of faults) console.error(fault);
process.exit(faults.length ? 1 : 0);
