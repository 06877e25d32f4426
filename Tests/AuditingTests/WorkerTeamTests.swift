import Checkpoints
import Glibc
import TestSupport
import Testing
import Text

@testable import Auditing

/// Teams of the program that was built, with an audit's tasks.
@Suite struct WorkerTeamTests {
    private static let settings = AuditSettings(version: "1")

    private static func task(_ path: String) -> [UInt8] {
        AuditTask.bytes(FoundCheckpoint(path: path, name: path, files: []))
    }

    private static func team(
        size: Int = 1, limits: WorkerTeam.Limits = .init(), stop: Int32 = -1, settings: AuditSettings = settings
    ) -> WorkerTeam {
        WorkerTeam(
            program: BuiltCommand.path, greeting: AuditTask.greeting(settings, threads: 1), size: size, limits: limits, stop: stop)
    }

    private static let slow = AuditSettings(version: "1", nullSamples: 1_000_000, layers: ["all"])

    /// The answers of a team, by the tasks' numbers.
    private static func answers(_ team: WorkerTeam, _ tasks: [[UInt8]]) throws -> [Int: WorkerTeam.Answer] {
        var next = tasks.makeIterator()
        var answers: [Int: WorkerTeam.Answer] = [:]
        try team.run(tasks: { next.next() }) { number, answer in
            #expect(answers.updateValue(answer, forKey: number) == nil)
        }
        return answers
    }

    private static func end(_ answer: WorkerTeam.Answer?) -> WorkerEnd? { if case .ended(let end) = answer { end } else { nil } }

    @Test(arguments: [1, 3]) func everyTaskIsAnsweredOnce(size: Int) throws {
        let paths = (0..<20).map { $0 % 4 == 0 ? "/nonexistent/\($0)" : Fixtures.path("mlp.safetensors") }
        let answers = try Self.answers(Self.team(size: size), paths.map(Self.task))
        #expect(Set(answers.keys) == Set(0..<20))
        for (number, path) in paths.enumerated() {
            guard case .done(let line, _)? = answers[number] else {
                Issue.record("\(number): no answer")
                return
            }
            let row = try AuditRow(line: line)
            #expect(row.name == path && row.status == (number % 4 == 0 ? .failed : .ok), "\(row)")
        }
    }

    @Test func aTaskThatTakesTooLongEndsItsWorkerAlone() throws {
        let team = Self.team(limits: .init(timeout: 0.5), settings: Self.slow)
        let answers = try Self.answers(team, [Self.task(Fixtures.path("mlp.safetensors")), Self.task("/nonexistent")])
        #expect(Self.end(answers[0])?.reason == .timeout(0.5))
        #expect(Self.end(answers[0])?.description == "took longer than 0.5 s")
        guard case .done? = answers[1] else {
            Issue.record("\(answers)")
            return
        }
    }

    /// A matrix of 64 million weights in a file with nothing but a hole.
    @Test func aTaskThatNeedsTooMuchMemoryEndsItsWorkerAlone() throws {
        try TemporaryFolder.with { folder throws in
            let path = folder + "/big.npy"
            let made = try BuiltCommand.shell(
                """
                printf '\\x93NUMPY\\x01\\x00\\x76\\x00%-117s\\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (8000, 8000)}" > "$1"
                truncate -s $((128 + 8000 * 8000 * 4)) "$1"
                """, path)
            #expect(made.status == 0)
            let team = Self.team(limits: .init(memory: 100_000_000))
            let answers = try Self.answers(team, [Self.task(path), Self.task(Fixtures.path("mlp.safetensors"))])
            #expect(Self.end(answers[0])?.reason == .memory(100_000_000), "\(answers)")
            #expect(Self.end(answers[0])?.description == "needed more memory than 100.0 MB")
            guard case .done? = answers[1] else {
                Issue.record("\(answers)")
                return
            }
        }
    }

    @Test func aCrashIsAnAnswerWithTheSignal() throws {
        // The suite's other tests have workers too: a program of its own has this one.
        let result = try BuiltCommand.shell(
            """
            "$M" audit "$1" "$2" --quiet --null 1000000 --layers all --jobs 2 --format tsv & audit=$!
            while kill -0 $audit 2> /dev/null; do
                sleep 0.4
                for worker in $(cat /proc/$audit/task/$audit/children 2> /dev/null); do kill -SEGV $worker; done
            done
            wait $audit; echo $?
            """, Fixtures.path("mlp.safetensors"), Fixtures.path("mlp.pt"))
        #expect(result.rows.count == 4, "\(result.text)\(result.errors)")
        for row in result.rows.dropFirst().prefix(2) {
            #expect(row[1] == "crashed" && row[2] == "the process that worked on it was ended by SIGSEGV", "\(row)")
        }
        #expect(result.rows.last == ["1"])
    }

    @Test func noTaskBeginsOnceTheTeamIsStopped() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        var given = 0
        var answered = 0
        let isOver = try Self.team(stop: ends[0]).run(
            tasks: {
                given += 1
                return Self.task("/nonexistent/\(given)")
            },
            answered: { _, _ in
                answered += 1
                var byte: UInt8 = 1
                if answered == 3 { write(ends[1], &byte, 1) }
            })
        #expect(!isOver && answered == given && (3...4).contains(answered))
    }

    @Test func aProgramThatIsNoWorkerIsAProblem() {
        let team = WorkerTeam(program: "/bin/false", greeting: [], size: 2)
        #expect(throws: Problem("a worker process does not start", found: "the process that worked on it ended with status 1")) {
            try Self.answers(team, [Self.task("/nonexistent")])
        }
        let absent = WorkerTeam(program: "/nonexistent/program", greeting: [], size: 1)
        #expect(throws: Problem("cannot start a worker process: no such file or directory")) {
            try Self.answers(absent, [Self.task("/nonexistent")])
        }
    }

    @Test func aWorkerNeedsAParentThatTalksToIt() throws {
        let result = try BuiltCommand.run(WorkerSeat.argument)
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors == "modinspect: (worker process): is for workers that modinspect starts\n")
    }

    @Test func messagesArriveWholeHoweverTheyAreCut() {
        let messages = [[], [1], [UInt8](repeating: 7, count: 300), [0, 0, 0, 0, 0, 0, 0, 0, 255]]
        let bytes = messages.flatMap(FrameReader.frame)
        for step in 1...bytes.count {
            var reader = FrameReader()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: step) {
                bytes[start..<min(bytes.count, start + step)].withUnsafeBytes { reader.append($0) }
                while let message = reader.next() { found.append(message) }
            }
            #expect(found == messages)
        }
    }
}
