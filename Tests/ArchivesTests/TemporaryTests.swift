import Foundation
import Testing

@testable import Archives

/// Hidden files and directories: who owns them, and what happens to those of a killed process.
@Suite struct TemporaryTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("modinspect-test-" + UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func write(_ text: String, _ path: String) throws {
        try FileManager.default.createDirectory(
            at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func names(_ folder: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }

    @Test func leftoversAreRemovedAndNothingElse() throws {
        try withFolder { folder in
            try write("x", folder + "/.modinspect.a1B2c3")
            try write("x", folder + "/.modinspect.4711.0")
            try write("x", folder + "/.modinspect.Zz9Zz9/model.safetensors")
            let others = [
                ".modinspect.json", ".modinspect.a1B2c", ".modinspect.a1B2c3d", ".modinspect.a1B2.", ".modinspect.a-b2c3",
                "modinspect.a1B2c3",
            ]
            for name in others { try write("x", folder + "/" + name) }
            let owned = try Temporary.directory(in: folder)
            let (file, descriptor) = try Temporary.file(in: folder)
            Temporary.sweep(folder)
            let kept = [owned.path, file.path].map { ($0 as NSString).lastPathComponent }
            #expect(try names(folder) == (others + kept).sorted())
            close(descriptor)
            // Once no process owns them, they are leftovers.
            withExtendedLifetime((owned, file)) {}
        }
    }

    /// Another process sweeps the folder all the time, also between a directory's creation and its lock.
    @Test func directoriesAreMadeWhileOthersSweep() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("modinspect-test-" + UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask { for _ in 0..<4000 { Temporary.sweep(folder) } }
                group.addTask {
                    for _ in 0..<2000 {
                        do {
                            let temporary = try Temporary.directory(in: folder)
                            var status = stat()
                            #expect(stat(temporary.path, &status) == 0)
                            Temporary.removeDirectory(temporary.path)
                        } catch {
                            Issue.record("\(error)")
                        }
                    }
                }
            }
        }
        // A folder that is not there is an error all the same.
        #expect(throws: (any Error).self) { try Temporary.directory(in: folder + "/none") }
    }

    @Test func whatIsNobodysAnyMoreIsALeftover() throws {
        try withFolder { folder in
            _ = try Temporary.directory(in: folder)
            #expect(try names(folder).count == 1)
            Temporary.sweep(folder)
            #expect(try names(folder).isEmpty)
        }
    }

    @Test(arguments: [false, true]) func aDirectoryTakesAnothersPlace(inTwoSteps: Bool) throws {
        try withFolder { folder in
            let target = folder + "/model"
            try write("old", target + "/a")
            try write("old", target + "/b")
            let temporary = try Temporary.directory(in: folder)
            try write("new", temporary.path + "/a")
            if inTwoSteps { try temporary.replaceDirectoryInTwoSteps(target) } else { try temporary.replaceDirectory(target) }
            #expect(try names(folder) == ["model"])
            #expect(try names(target) == ["a"])
            #expect(try String(contentsOfFile: target + "/a", encoding: .utf8) == "new")
        }
    }

    @Test func aDirectoryThatWasPutAsideComesBack() throws {
        try withFolder { folder in
            // The state that a process leaves if it is killed between the two steps.
            try write("old", folder + "/.modinspect.old.model/a")
            try write("new", folder + "/.modinspect.a1B2c3/a")
            Temporary.restore(folder + "/model")
            #expect(try names(folder) == [".modinspect.a1B2c3", "model"])
            Temporary.sweep(folder)
            #expect(try names(folder) == ["model"])
            #expect(try String(contentsOfFile: folder + "/model/a", encoding: .utf8) == "old")
            // The state that a process leaves if it is killed before the old one is removed.
            try write("older", folder + "/.modinspect.old.model/a")
            Temporary.sweep(folder)
            #expect(try names(folder) == ["model"])
            #expect(try String(contentsOfFile: folder + "/model/a", encoding: .utf8) == "old")
        }
    }

    @Test func aPathHasOneIdentityHoweverItIsWritten() throws {
        try withFolder { folder in
            try write("x", folder + "/file")
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "file")
            try FileManager.default.createSymbolicLink(atPath: folder + "/dangling", withDestinationPath: "later")
            try FileManager.default.linkItem(atPath: folder + "/file", toPath: folder + "/hard")
            let file = try #require(FileIdentity(path: folder + "/file"))
            for other in ["/link", "/hard", "/./file", "//file"] { #expect(FileIdentity(path: folder + other) == file, "\(other)") }
            let later = try #require(FileIdentity(path: folder + "/later"))
            #expect(FileIdentity(path: folder + "/dangling") == later && later != file && !later.isThere)
            #expect(FileIdentity(path: folder + "/later/") == later)
            #expect(FileIdentity(path: folder + "/none/later") == nil)
            #expect(FileIdentity(path: "/dev/null") == nil)
            let parent = try #require(FileIdentity(path: folder))
            #expect(FileIdentity.folders(of: folder + "/later").first == parent)
            #expect(FileIdentity.folders(of: folder).contains(parent) == false)
        }
    }
}
