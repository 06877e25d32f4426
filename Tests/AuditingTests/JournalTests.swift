import Checkpoints
import Foundation
import Glibc
import TestSupport
import Testing
import Text

@testable import Auditing

@Suite struct JournalTests {
    private static let origin = ResultOrigin(identity: "{\"version\":\"1\",\"k\":[4],\"null\":0}")

    private static func checkpoint(_ name: String, size: Int = 3, modified: Int = 5) -> FoundCheckpoint {
        FoundCheckpoint(path: "/x/" + name, name: name, files: [.init(path: "/x/" + name, size: size, modified: modified)])
    }

    private static func row(_ name: String, status: AuditStatus = .ok) -> AuditRow {
        AuditRow(checkpoint: checkpoint(name), status: status, reason: status == .ok ? nil : "bad")
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private func problem(_ body: () throws -> Void) throws -> Problem {
        do {
            try body()
        } catch let problem as Problem {
            return problem
        }
        throw CocoaError(.featureUnsupported)
    }

    private func isKnown(_ journal: Journal, _ checkpoint: FoundCheckpoint) -> Bool {
        if case .row = journal.known(checkpoint) { true } else { false }
    }

    @Test func rowsAreKnownAgainWhileFilesAreUnchanged() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            do {
                let journal = try Journal(path: path, origin: Self.origin)
                for name in ["b", "a"] { try journal.append(Self.row(name).line) }
                try journal.append(Self.row("crashed", status: .crashed).line)
                try journal.append(Self.row("failed", status: .failed).line)
            }
            let journal = try Journal(path: path, origin: Self.origin)
            for name in ["a", "b", "failed"] { #expect(isKnown(journal, Self.checkpoint(name))) }
            for name in ["crashed", "c"] { #expect(journal.known(Self.checkpoint(name)) == nil) }
            #expect(journal.known(Self.checkpoint("a", size: 4)) == nil)
            #expect(journal.known(Self.checkpoint("a", modified: 6)) == nil)
        }
    }

    @Test func aChangedTimeAloneAsksForTheHash() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            do {
                var row = Self.row("a")
                row.sha256 = "00"
                try Journal(path: path, origin: Self.origin).append(row.line)
            }
            let known = try Journal(path: path, origin: Self.origin).known(Self.checkpoint("a", modified: 6))
            guard case .rowIfHashed(let line) = known else {
                Issue.record("\(String(describing: known))")
                return
            }
            #expect(try AuditRow(line: line).sha256 == "00")
        }
    }

    @Test func aLineThatWasCutIsMendedAtEveryLength() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            do {
                let journal = try Journal(path: path, origin: Self.origin)
                for name in ["a", "b"] { try journal.append(Self.row(name).line) }
            }
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            let first = try #require(whole.firstIndex(of: 10)) + 1
            for length in 0..<whole.count {
                try whole.prefix(length).write(to: URL(fileURLWithPath: path))
                let journal = try Journal(path: path, origin: Self.origin)
                #expect(isKnown(journal, Self.checkpoint("a")) == (length >= first), "\(length)")
                #expect(!isKnown(journal, Self.checkpoint("b")), "\(length)")
                try journal.append(Self.row("b").line)
                let expected = (length >= first ? whole.prefix(first) : Data()) + whole[first...]
                #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == expected, "\(length)")
            }
        }
    }

    @Test func aDamagedLineCostsItsRowAlone() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            do {
                let journal = try Journal(path: path, origin: Self.origin)
                for name in ["a", "b", "c"] { try journal.append(Self.row(name).line) }
            }
            var lines = try text(path).split(separator: "\n").map(String.init)
            lines[1] = String(repeating: "\0", count: 40)
            try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            let journal = try Journal(path: path, origin: Self.origin)
            #expect(journal.damagedCount == 1)
            #expect(["a", "b", "c"].map { isKnown(journal, Self.checkpoint($0)) } == [true, false, true])
        }
    }

    @Test func aSecondAuditOnOneJournalIsRefused() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            let first = try Journal(path: path, origin: Self.origin)
            let refusal = try problem { _ = try Journal(path: path, origin: Self.origin) }
            #expect(refusal.description == "\(path): another audit is writing to it")
            try first.append(Self.row("a").line)
            try first.finish([Self.row("a")])
            withExtendedLifetime(first) {}
        }
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            do { try Journal(path: path, origin: Self.origin).finish([]) }
            _ = try Journal(path: path, origin: Self.origin)
        }
    }

    @Test func otherVersionsAndOptionsAreNamed() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            do { try Journal(path: path, origin: Self.origin).append(Self.row("a").line) }
            func refusal(_ identity: String, _ shard: String? = nil) throws -> String {
                try problem { _ = try Journal(path: path, origin: .init(identity: identity, shard: shard.flatMap(Shard.init))) }.line(
                    hint: {
                        $0 == .restart ? "R" : "\($0)"
                    })
            }
            #expect(
                try refusal("{\"version\":\"2\",\"k\":[4],\"null\":9}")
                    == "\(path): was written by another version, expected \"2\", found \"1\"; R")
            #expect(
                try refusal("{\"version\":\"1\",\"k\":[4,8],\"null\":9}")
                    == "\(path): was written with other options, expected k [4,8], null 9, found k [4], null 0; R")
            #expect(
                try refusal(Self.origin.identity, "2/3")
                    == "\(path): holds the results of another part, expected shard 2/3, found all checkpoints; R")
            let restarted = try Journal(path: path, origin: .init(identity: "{\"version\":\"2\"}"), earlier: .restarted)
            #expect(restarted.known(Self.checkpoint("a")) == nil)
            #expect(try text(path).isEmpty)
        }
    }

    @Test(arguments: ["hello\n", "{\"schema\":\"modinspect.score/2\"}\n", "{\"schema\":\"modinspect.audit/1\",\"path\":\"a\"}\n", "x"])
    func otherFilesAreRefused(content: String) throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            try content.write(toFile: path, atomically: true, encoding: .utf8)
            let refusal = try problem { _ = try Journal(path: path, origin: Self.origin) }
            #expect(refusal.what == "is not a file of results" && refusal.path == path)
            #expect(try text(path) == content)
        }
    }

    @Test func aFinishedJournalIsItsRowsSorted() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/r.jsonl"
            let rows = ["a2", "a10"].map { Self.row($0) }
            do {
                let journal = try Journal(path: path, origin: Self.origin)
                for row in rows.reversed() { try journal.append(row.line) }
                #expect(try !AuditFile(path: path).isFinished)
                try journal.finish(rows)
            }
            let file = try AuditFile(path: path)
            #expect(file.isFinished && file.rows == rows && file.origin == Self.origin)
            let first = try text(path).split(separator: "\n")[0]
            #expect(first.hasPrefix("{\"schema\":\"modinspect.audit/1\",\"settings\":\(Self.origin.identity),\"path\":\"a2\","))
        }
    }

    private func written(
        _ folder: String, _ name: String, _ rows: [AuditRow], shard: String? = nil, identity: String? = nil
    ) throws -> String {
        let path = folder + "/" + name
        let origin = ResultOrigin(identity: identity ?? Self.origin.identity, shard: shard.flatMap(Shard.init))
        try Data(origin.lines(AuditRow.completed(rows))).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test func shardsAreMergedOnlyIfTheyAreAllThere() throws {
        try TemporaryFolder.with { folder throws in
            let parts = [["a"], [], ["c", "b"]].map { $0.map { Self.row($0) } }
            let paths = try parts.enumerated().map { try written(folder, "\($0).jsonl", $1, shard: "\($0 + 1)/3") }
            let files = try paths.map { try AuditFile(path: $0) }
            for order in [[0, 1, 2], [2, 0, 1]] {
                let (origin, rows) = try AuditFile.merged(order.map { files[$0] })
                #expect(origin == Self.origin && rows.map(\.name) == ["a", "b", "c"])
            }
            #expect(
                try problem { _ = try AuditFile.merged([files[0], files[2]]) }.description
                    == "shards are missing, expected all 3, found none for 2/3")
            #expect(try problem { _ = try AuditFile.merged(files + [files[1]]) }.what == "is the same shard as \(paths[1])")
            let whole = try AuditFile(path: written(folder, "whole.jsonl", [Self.row("d")]))
            #expect(try problem { _ = try AuditFile.merged(files + [whole]) }.what == "is not one of the same shards")
            let identity = "{\"version\":\"1\",\"k\":[5],\"null\":0}"
            let other = try AuditFile(path: written(folder, "other.jsonl", [Self.row("d")], identity: identity))
            #expect(try problem { _ = try AuditFile.merged([whole, other]) }.what == "was written with other options than \(whole.path)")
            let changed = try AuditFile(path: written(folder, "changed.jsonl", [Self.row("d", status: .failed)]))
            #expect(try problem { _ = try AuditFile.merged([whole, changed]) }.what == "has another row for 'd' than \(whole.path)")
            #expect(try AuditFile.merged([whole, whole]).rows == whole.rows)
            try "".write(toFile: folder + "/empty.jsonl", atomically: true, encoding: .utf8)
            #expect(try problem { _ = try AuditFile(path: folder + "/empty.jsonl") }.what == "has no rows")
        }
    }
}
