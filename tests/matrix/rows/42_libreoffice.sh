# shellcheck shell=bash
# load: LibreOffice without a display converts a document to PDF and a sheet of 3,000 rows to CSV, with formulas recalculated
# compared: the sheet, the text of the document
version() { soffice --version 2>/dev/null | sed -E 's/^(LibreOffice [0-9.]+).*/\1/'; }

prepare() {
  { echo '<html><body><h1>Row</h1><table>'; for i in $(seq 400); do echo "<tr><td>$i</td><td>line $i of text</td></tr>"; done
    echo '</table></body></html>'; } >document.html
  { echo 'n,square,sum'; for i in $(seq 3000); do echo "$i,=A$((i + 1))*A$((i + 1)),=SUM(B\$2:B$((i + 1)))"; done; } >sheet.csv
}
run() {
  local options=(--headless --norestore "-env:UserInstallation=file://$PWD/profile")
  traced soffice "${options[@]}" --convert-to 'txt:Text (encoded):UTF8' --outdir out document.html >log 2>&1
  traced soffice "${options[@]}" --infilter='CSV:44,34,76,1,,0,false,true,false,false,false,-1' --convert-to ods --outdir out sheet.csv >>log 2>&1
  traced soffice "${options[@]}" --convert-to csv --outdir out out/sheet.ods >>log 2>&1
  sha256sum out/document.txt out/sheet.csv
  tail -n 2 out/sheet.csv
  grep -E 'vmtrace:|Fatal|Segmentation' log || :
}
