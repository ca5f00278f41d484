// Moments in the reader's own time zone, and as their locale writes them.
"use strict";

{
  const page = document.documentElement.lang;
  const locale = navigator.languages.find((one) => one.split("-")[0] === page) ?? page;
  const short = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const long = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });
  for (const time of document.querySelectorAll("time[data-moment]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) {
      time.textContent = short.format(moment);
      time.title = long.format(moment);
    }
  }
}
