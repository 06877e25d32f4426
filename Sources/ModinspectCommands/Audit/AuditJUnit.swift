import Auditing
import Pictures
import Text

extension AuditReport {
    /// The result as JUnit's XML, which build servers show: a test case for each checkpoint, an error for each that is not ok, a failure for
    /// each condition that holds.
    ///
    /// Valid for the schemas of Jenkins and of Maven Surefire. Times are 0: the same audit gives the same bytes.
    var junit: [UInt8] {
        let failures = Dictionary(grouping: breaches, by: \.name)
        let names = Set(rows.map(\.name))
        // What is only in the earlier audit has no row and is a test case too.
        let gone = breaches.filter { !names.contains($0.name) }.map(\.name)
        var cases = ByteText()
        var (failed, errors) = (0, 0)
        for row in rows {
            let own = failures[row.name] ?? []
            if row.status != .ok { errors += 1 } else if !own.isEmpty { failed += 1 }
            append(row.name, error: row.status == .ok ? nil : row, failures: own, output: row.findings, to: &cases)
        }
        for name in gone {
            failed += 1
            append(name, error: nil, failures: failures[name] ?? [], output: [], to: &cases)
        }
        let counts = "tests=\"\(rows.count + gone.count)\" failures=\"\(failed)\" errors=\"\(errors)\""
        var text = ByteText()
        text.append("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        text.append(text: "<testsuites name=\"modinspect audit\" \(counts) time=\"0\">\n")
        text.append(text: "  <testsuite name=\"modinspect audit\" \(counts) skipped=\"0\" time=\"0\">\n")
        text.append(text: "    <properties>\n")
        text.append(text: "      <property name=\"settings\" value=\"\(XMLText.escaped(settings.line))\" />\n")
        text.append("    </properties>\n")
        text.append(bytes: cases.bytes)
        text.append("  </testsuite>\n</testsuites>\n")
        return text.bytes
    }

    private func append(
        _ name: String, error row: AuditRow?, failures: [FailConditions.Breach], output: [Finding], to text: inout ByteText
    ) {
        func attribute(_ text: String) -> String { XMLText.escaped(text.singleLine) }
        text.append(text: "    <testcase classname=\"modinspect.audit\" name=\"\(attribute(name))\" time=\"0\"")
        guard row != nil || !failures.isEmpty || !output.isEmpty else { return text.append(" />\n") }
        text.append(">\n")
        if let row {
            let reason = attribute(row.reason ?? row.status.rawValue)
            text.append(text: "      <error type=\"\(row.status.rawValue)\" message=\"\(reason)\">\(reason)</error>\n")
        } else if !failures.isEmpty {
            // One failure for each case: Surefire's readers take no more.
            let types = attribute(failures.map(\.condition).joined(separator: ","))
            let lines = failures.map { attribute("\($0.condition): \($0.found)") }
            text.append(text: "      <failure type=\"\(types)\" message=\"\(lines.joined(separator: "; "))\">")
            text.append(text: lines.joined(separator: "\n"))
            text.append("</failure>\n")
        }
        if !output.isEmpty {
            text.append("      <system-out>")
            text.append(text: output.map { attribute($0.line) }.joined(separator: "\n"))
            text.append("</system-out>\n")
        }
        text.append("    </testcase>\n")
    }
}
