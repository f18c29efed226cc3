// Times are told in UTC. Where scripts run, pointing at one tells the reader's
// own as well.
const local = new Intl.DateTimeFormat(document.documentElement.lang, {
	dateStyle: "long", timeStyle: "long",
});
for (const time of document.querySelectorAll("time[datetime]")) {
	time.title = local.format(new Date(time.dateTime));
}
